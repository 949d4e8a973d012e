"""Whether a text is one of the known intents at all, and how far the likeliest one can be trusted.

Two witnesses are joined: the classifier's probabilities, and how near the text lies to what was
trained on (``neighbour``). ``judge`` turns both into calibrated probabilities, ``policy`` into a
decision, and ``measure`` says what the decisions cost on rows with known intents.
"""
