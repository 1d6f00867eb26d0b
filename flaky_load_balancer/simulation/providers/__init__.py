"""Fake providers of language models: the flaky servers, speaking the OpenAI protocol."""
