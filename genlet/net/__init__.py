"""Sockets made comfortable: streams, listeners, servers."""
