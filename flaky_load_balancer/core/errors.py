"""The one kind of error that people see without a traceback."""


class UserError(Exception):
    """Something that a user can mend: the message says what is wrong, where, and the fix."""
