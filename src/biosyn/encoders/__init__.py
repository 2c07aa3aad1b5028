"""Names to vectors: the sparse (TF-IDF) and the dense (BERT) encoder."""
