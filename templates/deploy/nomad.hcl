# Judging on Nomad: a batch job judges all submissions of a directory once. The image is that of the Containerfile next to
# this file; its privileges are those of kubernetes.yaml, which says what each is for. Replace the name of the image.
#
# Each client needs, in its own configuration,
#
#   host_volume "judging"                      the directory with problem, submissions and reports, shared by all clients
#   plugin "docker": allow_caps, volumes       the capabilities below, and the two paths of the host
#   touch /run/capsule.uids                    jobs of one client share the host's users; docker would make a directory
#
# Its syntax is checked. It has not been tried on a cluster.
job "rejudge" {
  type = "batch"

  group "judges" {
    count = 16

    # Where a client is lost, its part is started elsewhere; rejudge.sh leaves out what has a report.
    reschedule {
      attempts  = 3
      interval  = "24h"
      delay     = "10s"
      unlimited = false
    }

    restart {
      attempts = 2
      mode     = "fail"
    }

    volume "data" {
      type   = "host"
      source = "judging"
    }

    task "judge" {
      driver = "docker"

      config {
        image           = "registry.example/capsule-worker:1"
        entrypoint      = ["sh", "/usr/local/bin/rejudge.sh"]
        args            = ["/opt/capsule/current", "/data/problem", "/data/submissions", "/data/reports"]
        network_mode    = "none"
        readonly_rootfs = true
        cap_drop        = ["all"]
        cap_add = ["chown", "dac_override", "kill", "mknod", "net_admin", "setgid", "setpcap", "setuid", "sys_admin",
        "sys_chroot", "sys_nice"]
        volumes = ["/sys/fs/cgroup:/sys/fs/cgroup", "/run/capsule.uids:/run/capsule.uids"]

        mount {
          type   = "tmpfs"
          target = "/tmp"

          tmpfs_options {
            size = 268435456
          }
        }
      }

      # Which part this is, in the words of an indexed Job.
      env {
        JOB_COMPLETION_INDEX = "${NOMAD_ALLOC_INDEX}"
        JOB_COMPLETIONS      = "16"
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      # One submission at a time: its CPU, and its memory beside that of the judge.
      resources {
        cpu    = 1000
        memory = 768
      }
    }
  }
}
