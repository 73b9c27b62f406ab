"""Safe reading and atomic writing of files: text, JSON, parquet, safetensors, zip."""
