"""From past conversations to questions with their best answers, and a file that a person reviews.

``pair`` finds what was asked and what answered it, ``template`` puts answers together that say the
same, ``review`` writes and reads the file. Nothing mined is used before a person has kept it.
"""
