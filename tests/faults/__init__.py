"""What becomes of emails when something goes wrong, shown with real processes: `make test-faults`.

    trials      the faults of our own, one row each; seeds has the defects that must be seen, and where
    trial       one of them being played: installation, places, keeper, customers, nemesis, stub vendors
    deaths      how processes end: at failpoints, at random, told to, with poison, in a race for one key
    lateness    answers that come after their claim has ended, or after the last moment in which somebody waits
    endings     emails that nobody gets: refused, cancelled, expired
    outages     what they stand on fails: places has PostgreSQL and disk for it, broker RabbitMQ
    news        what vendors tell of mail over HTTP while processes are killed: kept once, with its effect
    damages     files on disk are not as they were left
    stoppages   who stands still and goes on, and strangers' locks; neighbours has a second machine
    promises    the checker: joins the customers' log, the vendors' ledger and GoMail's record
    contents    compares each vendor's call with what was asked: recipients, words, files; letters and mails serve it
    defective   puts a defect into the running code from outside; exam plays trials and says who has caught what
    scenarios   the first provider's bad days; clients, checks, periods, days and report belong to them

Everything that is chosen at random comes from `--seed`, which each run prints. The moments at which the system lets
threads and processes run are its own: a seed repeats what was asked for, and most of what happens, not all.
"""
