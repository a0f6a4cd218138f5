/* A load on a Kafka broker over librdkafka, for benches/serve: one thing at a time, and one line of figures.
 *
 *   kafka-load produce BROKERS TOPIC COUNT BYTES ACKS      records as fast as they go
 *   kafka-load consume BROKERS TOPIC COUNT                 the first COUNT records of partition 0
 *   kafka-load latency BROKERS TOPIC COUNT RATE ACKS       from produce to consume, RATE records a second
 *
 * cc -O2 -o kafka-load kafka-load.c -lrdkafka -lpthread
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "kafka-load: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(key, why);
}

static long delivered, failed;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk, (void)opaque;
    if (message->err) failed++;
    else delivered++;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *acks, const char *linger_ms) {
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    if (type == RD_KAFKA_PRODUCER) {
        set(conf, "acks", acks);
        set(conf, "linger.ms", linger_ms);
        set(conf, "queue.buffering.max.messages", "1000000");
        set(conf, "batch.num.messages", "10000");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    } else {
        set(conf, "fetch.wait.max.ms", "500");
        set(conf, "group.id", "kafka-load");
        set(conf, "enable.auto.commit", "false");
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk) die("client", why);
    return rk;
}

static rd_kafka_queue_t *read_from(rd_kafka_t *rk, const char *topic, long offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    if (rd_kafka_assign(rk, list)) die("assign", topic);
    rd_kafka_topic_partition_list_destroy(list);
    return rd_kafka_queue_get_consumer(rk);
}

static void produce(rd_kafka_t *rk, const char *topic, void *bytes, size_t len) {
    rd_kafka_resp_err_t error;
    do {
        error = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(bytes, len),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(rk, 10);
        else if (error) die("produce", rd_kafka_err2str(error));
    } while (error);
}

static void run_produce(char **arg) {
    long count = atol(arg[2]), bytes = atol(arg[3]);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, arg[0], arg[4], "5");
    char *value = malloc(bytes);
    for (long i = 0; i < bytes; i++) value[i] = "0123456789abcdef"[(i * 7 + i / 13) % 16];
    double start = now();
    for (long i = 0; i < count; i++) {
        produce(rk, arg[1], value, bytes);
        if (i % 1000 == 0) rd_kafka_poll(rk, 0);
    }
    while (delivered + failed < count) rd_kafka_poll(rk, 100);
    double seconds = now() - start;
    if (failed) die("produce", "some records were not delivered");
    printf("%.3f s, %.0f records/s, %.1f MB/s\n", seconds, count / seconds, count * bytes / seconds / 1e6);
    rd_kafka_destroy(rk);
}

static void run_consume(char **arg) {
    long count = atol(arg[2]), seen = 0, bytes = 0;
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, arg[0], NULL, NULL);
    rd_kafka_queue_t *queue = read_from(rk, arg[1], 0);
    rd_kafka_message_t *messages[1000];
    double start = now();
    while (seen < count) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
        for (ssize_t i = 0; i < got; i++) {
            if (messages[i]->err) die("consume", rd_kafka_message_errstr(messages[i]));
            if (messages[i]->offset != seen) die("consume", "an offset is missing");
            bytes += messages[i]->len;
            seen++;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    double seconds = now() - start;
    printf("%.3f s, %.0f records/s, %.1f MB/s\n", seconds, count / seconds, bytes / seconds / 1e6);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

struct latency {
    rd_kafka_t *rk;
    const char *topic;
    long count;
    double *seconds;
};

static void *consume_latency(void *opaque) {
    struct latency *of = opaque;
    for (long seen = 0; seen < of->count;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(of->rk, 1000);
        if (!message) continue;
        if (!message->err) {
            double sent;
            memcpy(&sent, message->payload, sizeof sent);
            of->seconds[seen++] = now() - sent;
        }
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_latency(char **arg) {
    long count = atol(arg[2]);
    double gap = 1.0 / atof(arg[3]);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, arg[0], arg[4], "0");
    struct latency of = {client(RD_KAFKA_CONSUMER, arg[0], NULL, NULL), arg[1], count, calloc(count, sizeof(double))};
    int64_t low, high;
    rd_kafka_query_watermark_offsets(of.rk, arg[1], 0, &low, &high, 5000);
    rd_kafka_poll_set_consumer(of.rk);
    rd_kafka_queue_destroy(read_from(of.rk, arg[1], high));
    pthread_t thread;
    pthread_create(&thread, NULL, consume_latency, &of);
    struct timespec settle = {1, 0};
    nanosleep(&settle, NULL);
    char value[100] = {0};
    double start = now();
    for (long i = 0; i < count; i++) {
        double due = start + i * gap, left = due - now();
        if (left > 0) {
            struct timespec rest = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
            nanosleep(&rest, NULL);
        }
        double sent = now();
        memcpy(value, &sent, sizeof sent);
        produce(producer, arg[1], value, sizeof value);
        rd_kafka_poll(producer, 0);
    }
    pthread_join(thread, NULL);
    qsort(of.seconds, count, sizeof(double), ascending);
    printf("p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", of.seconds[count / 2] * 1e3, of.seconds[count * 99 / 100] * 1e3,
           of.seconds[count - 1] * 1e3);
    rd_kafka_flush(producer, 5000);
    rd_kafka_destroy(producer);
    rd_kafka_consumer_close(of.rk);
    rd_kafka_destroy(of.rk);
}

int main(int argc, char **argv) {
    if (argc == 7 && !strcmp(argv[1], "produce")) run_produce(argv + 2);
    else if (argc == 5 && !strcmp(argv[1], "consume")) run_consume(argv + 2);
    else if (argc == 7 && !strcmp(argv[1], "latency")) run_latency(argv + 2);
    else die("usage", "produce BROKERS TOPIC COUNT BYTES ACKS | consume BROKERS TOPIC COUNT | latency BROKERS TOPIC COUNT RATE ACKS");
    return 0;
}
