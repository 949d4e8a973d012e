"""The assistant as a folder and as an object: everything that answers customers, in one or two languages."""
