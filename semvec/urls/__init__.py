"""URLs in settings: parsing them, and showing them without secrets."""
