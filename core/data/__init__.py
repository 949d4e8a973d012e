"""From a company's files to labelled examples, checked and split; nothing dropped silently.

The data flows one way, and each module is one step of it or one idea inside a step::

    table ──▶ columns ──▶ (the kit's Example) ──▶ audit ──▶ split ──▶ batch
      │         │                                   │         │
      │         └ cell, instant: one value          │         └ side: who stands where
      │                                             └ check, issue, profile, duplicates, suspects, privacy
      ├ source, encoding, line: which file, in which encoding, on which physical line
      ├ delimited, jsonl, columnar, sql: one reader for each kind of source
      └ row, write: what is read, and rows back into files
"""
