"""The assistant as a service: chat, the agents' desk, knowledge, figures, and channels."""
