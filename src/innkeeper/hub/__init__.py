"""Model files from the Hugging Face Hub: which ones are meant, and bringing them here whole."""
