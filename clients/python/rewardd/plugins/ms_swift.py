"""ms-swift's --external_plugins: makes `--reward_funcs rewardd` known."""

from rewardd.swift import register

register()
