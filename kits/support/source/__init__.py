"""What a company brings beside labelled utterances, read into plain data with every fault reported.

Here are questions with approved answers (``faq``), past conversations (``transcript``), utterances out of
Rasa (``rasa``), and pages cut into passages that know their heading and source (``knowledge``)::

    markup, plain, office ──▶ block ──▶ knowledge
"""
