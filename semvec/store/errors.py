"""What stops a store from opening."""


class StoreError(Exception):
    """The database cannot be used; the text says what is wrong, where, and what to do."""
