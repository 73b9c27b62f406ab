"""Cluster: resources of jobs, forecast of an experiment's cost, and Kubernetes jobs."""
