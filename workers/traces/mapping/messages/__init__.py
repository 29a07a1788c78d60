"""Conversations out of what instrumentations write down: every vendor's form of messages, requests and answers."""
