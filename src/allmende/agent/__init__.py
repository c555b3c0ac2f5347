"""The site agent: beside a machine, it calls the centre, takes orders, and reports.

It knows no database of the centre. What it must not forget lies in its spool.
"""
