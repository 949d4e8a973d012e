"""What the server keeps: events, lists that were shown, items; and how it is followed, erased and thinned out."""
