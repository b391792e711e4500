"""From photo to face to descriptor to distance; knows no web and no database."""
