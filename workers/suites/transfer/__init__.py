"""Cases from other tools, and for them."""
