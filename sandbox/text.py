"""What a stranger printed, made fit for a terminal."""


def plain(line: str) -> str:
    """Without what would move a cursor, change a title or turn the direction of writing."""
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else " " * (letter == "\t") for letter in line)
