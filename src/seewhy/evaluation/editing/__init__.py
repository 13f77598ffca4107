"""What editing did to captions: repairs where the truth is known, errors of who wrote them."""
