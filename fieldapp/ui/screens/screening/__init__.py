"""The screening, step by step: opening, who, questions, safe contact, who must not see this, result, finish."""
