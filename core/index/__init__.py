"""Passages and vectors that can be searched, changed one by one, and never half written.

An index is a list of immutable segments and a note of which of their rows still hold. A change adds
a small segment and strikes out the rows that it replaces, so nothing that stands is rewritten; now
and then segments are merged. All parts of a segment share one numbering of the rows::

    document ──▶ segment ─┬ record    the documents, and where an id stands
       ▲                  ├ column    their metadata, for filters
       │                  ├ lexical   BM25 over ``terms`` and their ``stem``
    change                └ dense     vectors in FAISS
       │                     │
       ▼                     ▼
    journal ──▶ view: the segments, and their rows that hold ──▶ hybrid: both fused into hits
                             ▲
    writer, plan             └ archive: one generation in a folder (manifest, durable)

``index.open_index`` reads and ``writer.open_writer`` writes.
"""
