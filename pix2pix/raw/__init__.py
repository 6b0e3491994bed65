"""Getting raw files: downloads, Kaggle, archives."""
