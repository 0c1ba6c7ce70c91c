"""Who the caller is: logins kept by deployment, how one gets them, renews them and gives them up."""
