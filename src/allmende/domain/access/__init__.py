"""Who gets time: calls, applications, eligibility, reviews, awards."""
