// What a submission does with system calls that the policy kills: `forbidden WAY`.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int hits;
static pid_t target;

static void hit(int signal) { (void)signal; hits++; }

static void *storm(void *nothing) {
    for (;;) syscall(SYS_tgkill, getpid(), target, SIGUSR1);
    return nothing;
}

// The call's wait ends with EINTR: the handler has no SA_RESTART, and its signal comes all the time.
static int call_under_signals(void) {
    struct sigaction action = {.sa_handler = hit};
    pthread_t threads[2];
    target = getpid();
    sigaction(SIGUSR1, &action, 0);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, storm, 0);
    while (hits < 4) {}
    syscall(SYS_reboot, 0, 0, 0, 0);
    _exit(0);
}

int main(int count, char **words) {
    const char *way = count > 1 ? words[1] : "";
    if (!strcmp(way, "storm")) return call_under_signals();
    if (!strcmp(way, "call")) syscall(SYS_reboot, 0, 0, 0, 0);
    if (!strcmp(way, "unshare")) syscall(SYS_unshare, 0);
    if (!strcmp(way, "raise")) raise(SIGSYS);
    if (!strcmp(way, "child")) {
        if (fork() == 0) {
            syscall(SYS_reboot, 0, 0, 0, 0);
            _exit(0);
        }
        wait(0);
        pause();
    }
    // PID 1 is kept from listening, while a call is made.
    if (!strcmp(way, "busy-init")) {
        for (int i = 0; i < 20000; i++) kill(1, SIGTERM);
        return call_under_signals();
    }
    return 0;
}
