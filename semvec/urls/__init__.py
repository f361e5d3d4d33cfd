"""URLs in settings: how they are read, and what may be shown of them."""
