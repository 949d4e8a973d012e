"""The recommender over HTTP: events in, lists out, items as they come and go, and a page to look at it all."""
