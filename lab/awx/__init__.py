"""A stand-in for AWX's REST API, so that the role awx and its acceptance run for real where no AWX can be had.

It keeps objects in memory, refuses what AWX 24.6.1 was seen to refuse, and runs jobs through ansible-runner in the
layout that AWX gives them. It has no users, permissions, web interface, scheduler or execution nodes.
"""
