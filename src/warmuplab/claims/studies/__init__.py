"""The claims, in a module or package per study: its arms, its claims (`CLAIMS`) and the names of their figures."""
