"""What can go wrong with the embedded stack."""


class StackError(RuntimeError):
    """The embedded stack cannot do what it was asked; the message says what, where and what helps."""
