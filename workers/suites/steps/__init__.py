"""One step of a test case: filled in, performed, judged, and taken out of what is secret.

step.py             run_step: the tries of a step, its verdict and its result
templates.py        {{places}} filled in with values; no code
http_step.py        a request through the guarded client; urls.py, auth.py, bodies.py are its parts
completion_step.py  a question to a model
extracting.py       values for later steps
paths.py            JSONPath and JMESPath, patterns.py regular expressions, both with a limit of time
redaction.py        secrets in all their forms
performed.py        what these hand to each other
"""
