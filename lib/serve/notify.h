#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

/*
 * Tell the service manager (sd_notify(3)): one datagram.  to is NOTIFY_SOCKET, a path
 * or "@" and an abstract name; NULL: nobody asked.
 */
void notify(const char *to, const char *state);
/* RELOADING=1, with the time that Type=notify-reload wants beside it. */
void notify_reloading(const char *to);

#endif
