"""Character cards, as chat programs exchange them: read into content files, and written from them."""
