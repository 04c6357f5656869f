"""TFX artifacts as the components read and write them."""
