"""From challenge to gestures to verdict; knows no web and no database."""
