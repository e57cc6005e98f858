"""What makes the documentation's site beside the files of docs/: hooks of MkDocs, and the gallery of pictures."""
