"""NeMo-Gym's entrypoint of a resources server: resources_servers/rewardd/app.py."""

from rewardd.nemo_gym import server_class

if __name__ == "__main__":
    server_class().run_webserver()
