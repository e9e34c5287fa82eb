/* What one run can use up: of what the kernel counts by user, after which it prints `up` and waits for the end of stdin;
 * and of time, by output that does not end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int descriptors(void) {
    int pair[2], sent = 0;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    for (;;) {
        char room[CMSG_SPACE(20 * sizeof(int))] = {0}, byte = 0;
        struct iovec data = {&byte, 1};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(20 * sizeof(int));
        memset(CMSG_DATA(head), 0, 20 * sizeof(int));
        if (sendmsg(pair[0], &message, MSG_DONTWAIT) < 0) return sent;
        sent += 20;
    }
}

static int signals(void) {
    sigset_t set;
    int sent = 0;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, 0);
    while (sent < 400 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0) sent++;
    return sent;
}

/* Cheap to write, dear to pass on: the reader of the pipe copies each byte twice. */
static void flood(void) {
    static char block[1 << 20];
    while (write(1, block, sizeof block) > 0) {}
}

int main(int count, char **words) {
    (void)count;
    if (words[1][0] == 'f') flood();
    int used = words[1][0] == 'd' ? descriptors() : signals();
    fprintf(stderr, "%d\n", used);
    puts("up");
    fflush(stdout);
    char byte;
    return read(0, &byte, 1);
}
