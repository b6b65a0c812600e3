"""The local cloud: the compiled functions and the real template on one machine.

`python3 -m infra.local up` starts MiniStack and the provider sandbox, deploys the template with
SAM CLI and writes `.local/stack.json`. README.md beside this file says how and why.
"""
