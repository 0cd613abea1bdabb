import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** A cluster of one node: OneNode FOLDER ADDRESS HTTP_PORT TRANSPORT_PORT. It needs no file, and ends on SIGTERM. */
public final class OneNode extends Node {
  private OneNode(Environment environment) {
    super(environment, List.of(Netty4Plugin.class), false);
  }

  public static void main(String[] arguments) throws Exception {
    var folder = Path.of(arguments[0]);
    var settings = Settings.builder()
        .put("path.home", folder)
        .put("cluster.name", "test")
        .put("node.name", "one")
        .put("discovery.type", "single-node")
        .put("network.host", arguments[1])
        .put("http.port", arguments[2])
        .put("transport.port", arguments[3])
        // The disk of a machine that tests may be nearly full.
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build();
    LogConfigurator.configureWithoutConfig(Settings.builder().put("logger.level", "WARN").build());
    LogConfigurator.setNodeName("one");
    var environment =
        InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), folder.resolve("config"), () -> "one");
    var node = new OneNode(environment);
    var isOver = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
      isOver.countDown();
    }));
    node.start();
    isOver.await();
  }
}
