"""Addresses of the documentation, which an installed package does not contain."""

RECIPES = "https://github.com/QGreenland-Net/ogdc-runner/blob/main/docs/recipes.md"

LOGINS = f"{RECIPES}#inputs-behind-a-login"
