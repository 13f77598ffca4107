"""The methods, one file or folder per family."""
