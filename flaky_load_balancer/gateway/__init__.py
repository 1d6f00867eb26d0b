"""Kind ``openai``: one address for many language models, their keys and their prices."""
