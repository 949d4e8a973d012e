"""From a company's files to labelled examples, checked and split; nothing dropped silently.

The data flows one way, and each module is one step of it::

    table ──▶ columns ──▶ (the kit's Example) ──▶ audit ──▶ split ──▶ batch
      │          │                                  │
      │          └ instant: points in time          ├ duplicates, suspects: what it looks for
      │                                             └ privacy: personal data
      ├ source, encoding, line: which file, which encoding, which physical line
      ├ delimited, jsonl, columnar, sql: one reader for each kind of source
      └ write: rows back into files
"""
