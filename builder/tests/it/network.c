// What a submission can do to its network, before it waits for a line: nothing, or each way to leave something there.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char NAME[] = "\0left by another run";

static int fail(const char *what) {
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

static int named(int type) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, NAME, sizeof NAME);
    int fd = socket(AF_UNIX, type, 0);
    return bind(fd, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + sizeof NAME) ? -1 : fd;
}

static int find(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, NAME, sizeof NAME);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + sizeof NAME);
}

static int pass(int through, int fd) {
    char control[CMSG_SPACE(sizeof fd)] = {0}, byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    return sendmsg(through, &message, 0) == 1 ? 0 : -1;
}

// A process outside gets a descriptor, which outlives the run.
static int hand_out(const char *door, int kept) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, door, sizeof name.sun_path - 1);
    int out = socket(AF_UNIX, SOCK_STREAM, 0);
    if (kept < 0 || connect(out, (struct sockaddr *)&name, sizeof name)) return -1;
    return pass(out, kept);
}

static int leave(const char *door) {
    int kept = named(SOCK_STREAM);
    return listen(kept, 9) ? -1 : hand_out(door, kept);
}

// A port of every address, for which no route is looked up.
static int anywhere(int type) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(4242)};
    int server = socket(AF_INET, type, 0);
    return bind(server, (struct sockaddr *)&any, sizeof any) || (type == SOCK_STREAM && listen(server, 9)) ? -1 : 0;
}

static int local(int family, int type, int send) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(4242), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(4242), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t len = family == AF_INET ? sizeof four : sizeof six;
    int server = socket(family, type, 0), client = socket(family, type, 0);
    if (bind(server, address, len)) return -1;
    if (type == SOCK_STREAM && listen(server, 9)) return -1;
    if (!send) return 0;
    if (connect(client, address, len)) return -1;
    return send == 1 || write(client, "x", 1) == 1 ? 0 : -1;
}

int main(int count, char **args) {
    const char *way = count > 1 ? args[1] : "nothing";
    int done = 0;
    if (!strcmp(way, "sockets"))
        done = anywhere(SOCK_STREAM) | anywhere(SOCK_DGRAM) | named(SOCK_DGRAM) >> 31;
    else if (!strcmp(way, "lookup")) done = local(AF_INET, SOCK_STREAM, 0) | local(AF_INET, SOCK_DGRAM, 1);
    else if (!strcmp(way, "udp")) done = local(AF_INET, SOCK_DGRAM, 2);
    else if (!strcmp(way, "tcp")) done = local(AF_INET, SOCK_STREAM, 1);
    else if (!strcmp(way, "udp6")) done = local(AF_INET6, SOCK_DGRAM, 2);
    else if (!strcmp(way, "route6")) done = local(AF_INET6, SOCK_DGRAM, 1);
    else if (!strcmp(way, "leave")) done = leave(args[2]);
    // No socket: a list of all that there will be.
    else if (!strcmp(way, "watch")) done = hand_out(args[2], open("/proc/self/net/unix", O_RDONLY));
    else if (!strcmp(way, "cycle")) {
        // Both ends are on their way through themselves, and with them a name: nobody holds it when the run has ended.
        int pair[2], loop = named(SOCK_STREAM);
        done = listen(loop, 9) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || pass(pair[0], pair[1]) ||
               pass(pair[0], loop) || pass(pair[1], pair[0]);
    }
    if (done) return fail(way);
    int is_own = !strcmp(way, "leave") || !strcmp(way, "cycle");
    int is_found = !is_own && !find();
    puts(is_found ? "found what another run has left" : "ready");
    fflush(stdout);
    getchar();
    return 0;
}
