"""Stand-in for the Amazon CloudWatch agent: same paths, command line and configuration; it ships logs to the lab."""
